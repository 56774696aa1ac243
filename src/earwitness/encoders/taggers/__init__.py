"""Seven taggers of Won et al. (2020), trained on MTG-Jamendo or not at all."""

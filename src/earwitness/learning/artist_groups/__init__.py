"""Genre from artist groups: the networks and the experiment of Kim (2021), chapter 3."""

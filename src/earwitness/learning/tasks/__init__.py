"""The four task encoders of Kim (2021), chapter 4: autoencoder, auto-tagger, instrument recogniser, voice separator."""

"""The tiny preset of rnnt: generated voices, a small trained transducer, and how it was trained."""

"""The tiny preset of 3d-unet: its files, its card, and the script that trained it."""

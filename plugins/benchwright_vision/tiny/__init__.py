"""The tiny preset of resnet50: its files, its card, and the script that trained it."""

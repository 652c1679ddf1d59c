"""The tiny preset of dlrm-v2: its files, its card, and the script that made them."""

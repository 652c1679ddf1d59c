"""A campaign of fast tasks that build nothing of use: what fault tests disturb."""

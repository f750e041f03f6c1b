"""Controllers: each watches some kinds and makes the world what the objects say. Plans are pure, shells act on them."""

"""A bookshop of four small services, routed, split, encrypted and traced by the mesh."""

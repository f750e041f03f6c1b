"""What steers a proxy from outside: its identity, its configuration stream, names, health and the admin interface."""

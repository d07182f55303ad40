"""The drop folder: files in, registrations out. `scan` reads a folder into what it means, `watch` keeps it in force."""

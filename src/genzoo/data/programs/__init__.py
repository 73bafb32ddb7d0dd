"""Small programs as data: operations, tasks made of them, and problems of others."""

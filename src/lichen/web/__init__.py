"""The console: one desk, shown on 127.0.0.1 to the person who started it (`app.create_app`, `serve.serve_console`)."""

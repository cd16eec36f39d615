"""The engine: chat client, managed server, bundled model, counters."""

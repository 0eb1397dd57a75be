"""Receiver of callbacks: its server, the checks of a delivery, and its public URL."""

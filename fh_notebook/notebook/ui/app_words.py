"""Sentences that the users of an app read in place of an error: what they can do, and nothing about the service."""

from __future__ import annotations

from typing import Final

__all__ = ["APP_BUSY", "APP_MAY_HAVE_RUN", "APP_UNAVAILABLE"]

APP_BUSY: Final = "The service is busy. Try again in a minute."
APP_UNAVAILABLE: Final = "This did not work. Try again, or tell the person who gave you this page."
APP_MAY_HAVE_RUN: Final = "No answer arrived, but the work may be done. Ask the person who gave you this page."

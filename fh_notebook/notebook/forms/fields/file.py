"""Field for a file: file picker, and the text or encoding that is sent.

Rule of this file: a file that cannot be sent leaves the field as it was, and is told. Its bytes do not stay in the
widget: a saved notebook would hold them all.
"""

from __future__ import annotations

from typing import Any

from fh_notebook.core.text import html
from fh_notebook.core.text.formatting import byte_size
from fh_notebook.notebook.forms.fields.field import Field, set_traits
from fh_notebook.notebook.forms.model.text_codec import MAX_BYTES, FileError, encoding_of, file_text, what_is_sent

__all__ = ["FileField"]


class FileField(Field):
    """A file: a button to choose it; one that is sent as text can be typed as well."""

    _upload: Any = None
    _about: str = ""
    """The chosen file's name and size."""

    @property
    def _is_text(self) -> bool:
        return encoding_of(self.state.shape) == "text"

    def _make(self) -> Any:
        if not self._is_text:
            return self._told()
        control = self.view.look.text_area(self.label, rows=4)
        self.hear(control, self._typed)
        return control

    def _told(self) -> Any:
        """Return a box that says which file is sent: the control that the field's name is tied to."""
        from ipywidgets import Text

        look = self.view.look
        return Text(
            description=self.label,
            disabled=True,
            layout=look.control,
            style=look.text_style,
            _dom_classes=("fh-control", "fh-told"),
        )

    def _typed(self, text: str) -> None:
        self._about = ""
        self.state.set_text(text)

    def _controls(self, control: Any) -> tuple[Any, ...]:
        if self._upload is None:
            self._upload = self._make_upload()
        return (control, self._upload)

    def _make_upload(self) -> Any:
        from ipywidgets import FileUpload

        look = self.view.look
        media = self.state.says.get("contentMediaType")
        upload = FileUpload(
            accept=media if isinstance(media, str) and "/" in media else "",
            multiple=False,
            # Named in full: of two fields for files, who hears the buttons must know which is which.
            description=f"Choose a file for {self.shown_name}",
            tooltip=f"at most {byte_size(MAX_BYTES)}",
            layout=look.button,
            style=look.button_style,
            _dom_classes=("fh-upload",),
        )
        self.hear(upload, self._uploaded)
        return upload

    def _uploaded(self, files: Any) -> None:
        for file in files[:1]:
            try:
                data = bytes(file["content"])
                text = file_text(file["name"], data, self.state.shape, media_type=file["type"])
            except FileError as exc:
                self.notice = str(exc)
            else:
                self._about = f"{file['name']}, {byte_size(len(data))}"
                self.state.set(text)

    def _show(self) -> None:
        if self._upload is not None:
            set_traits(self._upload, value=())
        if self._is_text:
            set_traits(self.control, value=self.state.text, placeholder=self.placeholder())
            return
        state = self.state
        told = "null" if state.is_null else what_is_sent(state.value, state.shape) if state.is_set else "no file"
        about = f"{self._about} · {told}" if self._about and state.is_set and not state.is_null else told
        set_traits(self.control, value=html.printable(about))

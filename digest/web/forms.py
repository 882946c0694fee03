"""Forms: their token, their errors, and how they are shown again with everything that was typed.

The token says when the form was shown and is bound to the session; it is no use on another site, to another person, or
after two hours. Forms for strangers carry a field that only robots fill, and are not taken before two seconds.
"""

import hashlib
import hmac
from typing import Any, ClassVar

from starlette.responses import HTMLResponse
from wtforms import Form, StringField
from wtforms.csrf.core import CSRF, CSRFTokenField
from wtforms.validators import ValidationError

from digest.web.visits import Visit

LONGEST = 2 * 3600  # seconds for which a form may lie open
SHORTEST = 2  # seconds in which nobody fills in a form
EXPIRED = "This form was open for too long. Nothing is lost: send it again."
TOO_FAST = "That was quicker than we can tell people from robots. Send it again."


class FormSeal(CSRF):  # type: ignore[misc]  # the library carries no types
    """A token of the moment at which a form was shown, sealed with the session that it was shown in."""

    def setup_form(self, form: Any) -> Any:
        self._visit: Visit = form.meta.csrf_context
        self._shortest = form.shortest
        return super().setup_form(form)

    def generate_csrf_token(self, _field: CSRFTokenField) -> str:
        return self._seal(str(int(self._visit.now.timestamp())))

    def validate_csrf_token(self, _form: Form, field: CSRFTokenField) -> None:
        given = field.data or ""
        moment = given.partition(".")[0]
        if not moment.isdecimal() or not hmac.compare_digest(self._seal(moment).encode(), given.encode()):
            raise ValidationError(EXPIRED)
        age = self._visit.now.timestamp() - int(moment)
        if not 0 <= age <= LONGEST:
            raise ValidationError(EXPIRED)
        if age < self._shortest:
            raise ValidationError(TOO_FAST)

    def _seal(self, moment: str) -> str:
        key = self._visit.site.shop.settings.signing_key.encode()
        words = f"form.{moment}.{self._visit.binding}"
        return f"{moment}.{hmac.new(key, words.encode(), hashlib.sha256).hexdigest()[:32]}"


class PageForm(Form):  # type: ignore[misc]
    """A form of a page. Without fields of its own it is a button."""

    shortest: ClassVar[int] = 0

    class Meta:
        csrf = True
        csrf_class = FormSeal
        csrf_field_name = "form_token"

    def __init__(self, visit: Visit, **given: Any) -> None:
        super().__init__(visit.form if visit.posted else None, meta={"csrf_context": visit}, **given)
        self._visit = visit
        self.problems: list[str] = []

    def accept(self) -> bool:
        """Whether it was sent, by a person, and holds what it should."""
        return self._visit.posted and bool(self.validate())

    def blame(self, errors: dict[str, list[str]]) -> None:
        """Put what the layers below say about fields to these; what names no field is about the form."""
        for name, messages in errors.items():
            if name in self._fields:
                self._fields[name].errors = [*self._fields[name].errors, *messages]
            else:
                self.problems += messages

    @property
    def summary(self) -> list[tuple[str, str]]:
        """The errors with the ids of their fields, in the order of the fields; an empty id is the form itself."""
        fields = [(field.id, message) for field in self if field.name != "form_token" for message in field.errors]
        return [*(("", message) for message in [*self._fields["form_token"].errors, *self.problems]), *fields]

    def show(self, template: str, **context: Any) -> HTMLResponse:
        """The page of this form: with what was typed, and its errors if it was sent."""
        if not self._visit.posted or not self.summary:
            return self._visit.page(template, form=self, **context)
        status = 403 if self._fields["form_token"].errors else 422
        return self._visit.page(template, status, form=self, **context)


class StrangersForm(PageForm):
    """A form that anybody may send."""

    shortest = SHORTEST
    website = StringField()

    def is_robot(self) -> bool:
        """Whether the field was filled that no person sees."""
        return bool(self.website.data)

"""Everything one can do, as data: keys, words, and why it cannot be done now. Bindings, key bar, help and palette are
made from these tables; a key that is not here does not exist. Pure: what is done stands in the screens (`do_NAME`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from textual.binding import Binding, BindingType

from console.reasons import (
    Why,
    all_of,
    backing_off,
    decidable,
    going,
    held,
    looking_back,
    machine,
    marked_or,
    open_task,
    redrivable,
    row,
    running,
    scheduled,
    state,
    superseded,
    unanswered,
    undeployable,
    versioned,
    writes,
)


class Action(NamedTuple):
    """One verb. `why` returns "" when it may be done, else the reason why not; `bar` puts it into the key bar.

    `run` does it, given the screen, where the screen has no `do_NAME`.
    """

    name: str
    keys: str
    label: str
    help: str
    why: Why = lambda _: ""
    bar: bool = True
    run: Callable[[Any], Any] | None = None

    @property
    def shown(self) -> str:
        """The first key, as it is written in the key bar."""
        return key_name(self.keys.split(",")[0])


_KEY_NAMES = {
    "slash": "/", "question_mark": "?", "colon": ":", "exclamation_mark": "!", "escape": "esc", "minus": "-",
    "plus": "+", "left_square_bracket": "[", "right_square_bracket": "]", "comma": ",", "full_stop": ".",
    "ctrl+@": "ctrl+space", "less_than_sign": "<", "greater_than_sign": ">", "left_parenthesis": "(",
    "right_parenthesis": ")", "left_curly_bracket": "{", "right_curly_bracket": "}",
}  # fmt: skip


def key_name(key: str) -> str:
    return _KEY_NAMES.get(key, key)


def textual_key(shown: str) -> str:
    """What Textual calls a key that is written so."""
    return next((key for key, name in _KEY_NAMES.items() if name == shown), shown)


_REDRIVE = Action(
    "redrive", "R", "redrive", "go on at what failed; shows first what will run", all_of(writes, redrivable)
)
_AGAIN = Action("again", "N", "run again", "start the machine once more with an edited input", all_of(writes, row))
_STOP = Action("stop", "x", "stop", "abort the execution; asks first", all_of(writes, running))
_COPY = Action("copy", "y", "copy id", "copy the id to the terminal's clipboard (OSC 52)", row)
_OPEN = Action("open", "enter", "open", "open what the cursor stands on", row)

_MARKS = (
    Action("mark", "space", "mark", "mark the row, or unmark it; verbs then work on all marked ones", row),
    Action(
        "mark_range", "ctrl+space,ctrl+@", "mark to here", "all rows from the last mark to this one", row, bar=False
    ),
)
_LIST = (
    Action("filter", "slash", "filter", "rows that hold these words; !word leaves out"),
    Action("sort", "s", "sort", "by the next column, at last as they came", bar=False),
    Action("reverse", "S", "reverse", "the other way round", bar=False),
)

_MACHINE = (
    Action("versions", "v", "versions", "its published versions, who published them, how two differ", versioned),
    Action("diff", "d", "diff", "the last version with the one before", versioned),
    Action("aliases", "a", "aliases", "names that lead to versions of it: change, make, delete", machine),
    Action("pause", "p", "pause", "pause what starts it by itself, its schedules, or let them go on",
           all_of(writes, scheduled)),
    Action("undeploy", "u", "undeploy", "delete it; asks for its name first", undeployable, bar=False),
)  # fmt: skip

EVERYWHERE: tuple[Action, ...] = (
    Action(
        "command",
        "colon",
        "go to",
        ":exec :inbox :sm :sched :act :dead :batch :deploy :log :audit :health, each with a filter; :view NAME",
    ),
    Action("retry", "ctrl+r", "refresh", "read anew; without a daemon try again at once", bar=False),
    Action("back", "escape", "back", "leave this view, close this dialog", bar=False),
    Action("former", "left_square_bracket", "screen back", "back through the screens you have been on", bar=False),
    Action("next", "right_square_bracket", "screen forward", "forward through them again", bar=False),
    Action("last", "minus", "last screen", "to the screen before, and back again", bar=False),
    Action("quit", "q", "back, quit", "like esc; on a first screen it quits", bar=False),
    Action("help", "question_mark,f1", "help", "the keys of this screen"),
)

TABLE: dict[str, tuple[Action, ...]] = {
    "executions": (
        _OPEN,
        Action("filter", "slash", "filter", "status:failed machine:order-* since:24h waiting:prompt"),
        *_MARKS,
        Action("mark_all", "ctrl+a", "mark all", "mark all that match, also those that are not in view", bar=False),
        Action("newer", "n", "show new", "bring in what began since the list was read", bar=False),
        _REDRIVE._replace(why=marked_or(redrivable)), _AGAIN, _STOP._replace(why=marked_or(running)),
        Action("retry_now", "exclamation_mark", "retry now", "end the back-offs of what is marked, or of this one",
               marked_or(running), bar=False),
        Action("compare", "d", "compare", "the two marked ones, state by state", bar=False),
        Action("save_view", "W", "save view", "keep this filter under a name; :view NAME shows it", writes, bar=False),
        Action("views", "v", "views", "your saved views", bar=False),
        _COPY,
    ),
    "execution": (
        Action("view_outline", "1", "states", "the states in order, with a bar of time for each", bar=False),
        Action("view_graph", "2", "graph", "hjkl to the next state, + - zoom, z fold, v visited only", bar=False),
        Action("view_events", "3", "events", "every event, with its details", bar=False),
        Action("view_io", "4", "in/out", "input, output, error and cause", bar=False),
        Action("view_tasks", "5", "logs", "what the tasks printed", bar=False),
        Action("view_definition", "6", "definition", "the definition that this execution runs", bar=False),
        Action("inspect", "tab", "inspect", "the data of the selected state; tab again to come back"),
        Action("stage", "i", "stage", "the next stage of its data: input, result, output, tries, log", bar=False),
        Action("stage_back", "I", "stage back", "the stage before", bar=False),
        Action("open", "enter", "events of it", "the events of the selected state; of a Distributed Map its items", row,
               bar=False),
        _REDRIVE,
        Action("fork", "K", "fork here", "a new execution that begins at the selected state", all_of(writes, state)),
        Action("edit", "E", "edit, run", "the same definition once more, with an edited input", all_of(writes, row)),
        _AGAIN._replace(bar=False), _STOP,
        Action("resolve", "X", "resolve", "complete or fail its open task by hand", open_task, bar=False),
        Action("heartbeat", "H", "heartbeat", "the open task of the state is being worked on", open_task, bar=False),
        Action("retry_now", "exclamation_mark", "retry now", "skip the back-off it waits in", backing_off, bar=False),
        Action("test", "T", "test state", "run the state alone, with its input", all_of(writes, state), bar=False),
        Action("inbox", "a", "answer", "open the prompt it waits for", running),
        Action("failure", "f", "next failure", "go to the next state or event that failed"),
        Action("filter", "slash", "find", "search in the view; in events a filter: a regular expression, ! turns it"),
        Action("compare", "d", "compare", "with what it is a fork of, or the last one that succeeded", row, bar=False),
        Action("past", "t", "look back", "show it as it was: , and . step, < and > leap, t comes back", bar=False),
        Action("earlier", "comma", "earlier", "one event back", looking_back, bar=False),
        Action("later", "full_stop", "later", "one event on", looking_back, bar=False),
        Action("much_earlier", "less_than_sign", "much earlier", "many events back", looking_back, bar=False),
        Action("much_later", "greater_than_sign", "much later", "many events on", looking_back, bar=False),
        Action("wrap", "w", "wrap", "wrap the long lines of a log, or cut them", bar=False),
        Action("follow", "F", "follow", "keep the end of the log in view, or not", bar=False),
        Action("border_left", "left_parenthesis", "border left", "the border of the panes; or drag it", bar=False),
        Action("border_right", "right_parenthesis", "border right", "the same to the right", bar=False),
        Action("border_up", "left_curly_bracket", "border up", "the border under the upper panes", bar=False),
        Action("border_down", "right_curly_bracket", "border down", "the same downwards", bar=False),
        Action("copy_data", "c", "copy data", "copy the value under the cursor as JSON; a large one to a file", row,
               bar=False),
        Action("copy_command", "Y", "copy command", "copy the command that opens this view again", row, bar=False),
        Action("definition_file", "e", "edit", "open its machine in $EDITOR; checked on save", all_of(writes, row),
               bar=False),
        _COPY,
    ),
    "diff": (
        Action("failure", "f", "next difference", "go to the next state that came to something else"),
        Action("open", "enter", "open", "open the execution at the left, at this state", row),
        Action("swap", "x", "swap", "the left one to the right"),
    ),
    "inbox": (
        Action("open", "enter", "answer", "open the form of the prompt", row),
        Action("approve", "a", "approve", "without a form: approve it, with a word why if you want", decidable),
        Action("reject", "r", "reject", "without a form: reject it", decidable),
        Action("claim", "c", "claim", "work on it for 15 minutes; again renews that, or takes it over", held),
        Action("release", "u", "let go", "work on it no longer", held, bar=False),
        Action("assign", "A,D", "assign", "say who shall answer; your claim ends", held),
        Action("later", "L", "later", "put it off; it stays open, at the end of the list", held, bar=False),
        Action("remark", "m", "remark", "say something that everybody sees", held),
        Action("tab_all", "1", "open", "all that are open", bar=False),
        Action("tab_mine", "2", "mine", "those that you work on, or that are meant for you", bar=False),
        Action("tab_group", "3", "group", "those meant for a group of yours that nobody works on", bar=False),
        Action("tab_free", "4", "free", "those that nobody works on and that are meant for nobody", bar=False),
        Action("tab_done", "5", "done", "those that are answered: by whom, when, with what", bar=False),
        Action("done", "d", "open/done", "show the prompts that are answered, or the open ones again", bar=False),
        Action("execution", "o", "execution", "open the execution that asks", row, bar=False),
        _COPY._replace(bar=False),
    ),
    "answer": (
        Action("submit", "ctrl+s", "submit", "check the answer and send it", all_of(writes, unanswered)),
        Action("fail", "ctrl+n", "fail it", "fail the task with an error and a cause", all_of(writes, unanswered)),
        Action("claim", "ctrl+l", "claim", "work on it for 15 minutes; again renews that, or takes it over", held),
        Action("assign", "ctrl+d", "assign", "say who shall answer; your claim ends", held, bar=False),
        Action("remark", "ctrl+y", "remark", "say something that everybody sees", held, bar=False),
        Action("context", "ctrl+t", "context", "show the input of the task, or hide it"),
        Action("execution", "ctrl+o", "execution", "open the execution that asks", row),
        Action("command", "colon", "go to", "another screen; : is a letter while a field is typed in", bar=False),
        Action("help", "f1,question_mark", "help", "the keys of this screen; ? is a letter while a field is typed in"),
    ),
    "machines": (
        _OPEN,
        Action("start", "s,N", "start", "start an execution with an input", all_of(writes, machine)),
        Action("executions", "o", "executions", "the executions of this machine", machine),
        Action("definition_file", "e,E", "edit", "open it in $EDITOR, also a refused file; checked on save",
               all_of(writes, row)),
        *_MACHINE,
        Action("filter", "slash", "filter", "rows that hold these words; !word leaves out"),
        Action("copy", "y", "copy ARN", "copy the ARN to the terminal's clipboard", row, bar=False),
    ),
    "machine": (
        Action("view_states", "1", "states", "the states in order", bar=False),
        Action("view_graph", "2", "graph", "hjkl to the next state, + - zoom, z fold", bar=False),
        Action("view_text", "3", "definition", "the definition as it is in force", bar=False),
        Action("start", "s,N", "start", "start an execution with an input", all_of(writes, machine)),
        Action("executions", "o", "executions", "the executions of this machine", machine),
        Action("definition_file", "e,E", "edit", "open it in $EDITOR; checked on save", all_of(writes, row)),
        *_MACHINE,
        Action("filter", "slash", "find", "search in the text; n and N go on", bar=False),
        Action("copy", "y", "copy ARN", "copy the ARN to the terminal's clipboard", row),
    ),
    "aliases": (
        Action("change", "enter", "change", "other versions, or other shares of the starts", all_of(writes, row)),
        Action("create", "N", "new", "a name for one or two versions", writes),
        Action("delete", "x", "delete", "starts by this name are refused from then on; asks first",
               all_of(writes, row)),
        *_LIST,
        Action("copy", "y", "copy ARN", "copy the ARN that programs start it by", row),
    ),
    "schedules": (
        Action("pause", "p", "pause/resume", "pause the schedule, or let it go on", all_of(writes, row)),
        Action("run", "exclamation_mark", "run now", "start it once, now; asks first", all_of(writes, row)),
        Action("backfill", "b", "backfill", "start runs of the past; shows first which", all_of(writes, row)),
        Action("pause_all", "P", "pause all", "maintenance: pause all of them, or let all go on", writes),
        *_MARKS, Action("mark_all", "ctrl+a", "mark all", "mark all", bar=False),
        Action("open", "enter", "last run", "open the execution of the last run", row),
    ),
    "batches": (
        _OPEN,
        Action("cancel", "x", "cancel", "begin nothing more; what is done stays done", all_of(writes, going)),
        *_LIST,
        Action("copy", "y", "copy command", "copy the command that shows it", row, bar=False),
    ),
    "batch": (_OPEN, *_LIST),
    "dead": (
        Action("open", "enter", "executions", "the executions of this group", row),
        Action("redrive", "R", "redrive group", "redrive all of them; says first how many", all_of(writes, row)),
        *_LIST,
    ),
    "deploys": (
        Action("compare", "d,enter", "diff", "this version with the one before, or two marked ones", row),
        Action("restore", "R", "roll back", "put this version in force again; shows first what that changes",
               all_of(writes, superseded)),
        *_MARKS, *_LIST,
        Action("copy", "y", "copy ARN", "copy the ARN of the version", row),
    ),
    "versions": (),
    "queues": (Action("open", "enter", "inbox", "what waits for people", row), *_LIST),
    "audit": (
        Action("open", "enter", "execution", "the execution it was done to", row), *_LIST,
        Action("copy", "y", "copy target", "copy what it was done to", row),
    ),
    "log": (Action("follow", "F", "follow", "keep the end in view, or stand still"), *_LIST),
    "health": (),
}  # fmt: skip


def of(screen: str) -> tuple[Action, ...]:
    """All actions of a screen, its own first."""
    mine = TABLE.get(screen, ())
    return (*mine, *(action for action in EVERYWHERE if not any(action.name == own.name for own in mine)))


def find(screen: str, name: str) -> Action | None:
    return next((action for action in of(screen) if action.name == name), None)


def own(screen: str) -> tuple[Action, ...]:
    """The actions of one table of keys; "everywhere" is that of all screens."""
    return EVERYWHERE if screen == "everywhere" else TABLE.get(screen, ())


def binding_id(screen: str, name: str) -> str:
    """What `keys.toml` calls the binding of an action on a screen."""
    mine = any(action.name == name for action in TABLE.get(screen, ()))
    return f"{screen if mine else 'everywhere'}.{name}"


def rebind(keymap: Mapping[str, str]) -> None:
    """Take other keys into the tables, so that key bar, help and palette show them. Once, before the app runs."""
    global EVERYWHERE
    for screen in SCREENS:
        TABLE[screen] = tuple(_with_keys(action, screen, keymap) for action in TABLE[screen])
    EVERYWHERE = tuple(_with_keys(action, "everywhere", keymap) for action in EVERYWHERE)


def _with_keys(action: Action, screen: str, keymap: Mapping[str, str]) -> Action:
    return action._replace(keys=keymap.get(f"{screen}.{action.name}", action.keys))


SCREENS = tuple(TABLE)


def bindings(screen: str) -> list[BindingType]:
    """The key bindings of a screen; all of them end in `action_do(NAME)`."""
    return [Binding(a.keys, f"do('{a.name}')", a.label, show=False, id=binding_id(screen, a.name)) for a in of(screen)]


#: What the key bar shows whatever else it has to leave out.
ALWAYS = frozenset({"command", "help"})
#: The key bar while the filter line is open: letters are letters there.
TYPING = (("enter", "take it", True), ("tab", "complete", True), ("esc", "leave it", True))
#: The same for the form: how one gets about in it, and how the field that has the focus is filled in.
FIELDS = {"one": ("← →", "choose", True), "many": ("space", "tick", True), "list": ("enter", "list", True)}
UNFOLDED = (("↑ ↓", "choose", True), ("enter", "take it", True), ("esc", "close", True))
NEXT_FIELD = ("tab", "next", True)

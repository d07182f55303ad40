from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from flowd.config import EVENTS, FOREVER, Config, HookSettings, TestingSettings
from flowd.errors import ConfigError

NONE = Namespace()


def environ(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), **more}


def settings(tmp_path: Path, text: str) -> dict[str, str]:
    file = tmp_path / "flowd.toml"
    file.write_text(text)
    return environ(tmp_path, FLOWD_CONFIG=str(file))


def test_without_anything_the_xdg_directories_hold() -> None:
    found = Config.load(NONE, {"HOME": "/home/ada", "XDG_RUNTIME_DIR": "/run/user/7"})
    assert found.data == Path("/home/ada/.local/state/flowd")
    assert found.workflows == Path("/home/ada/.config/flowd/workflows")
    assert found.socket == Path("/run/user/7/flowd/flowd.sock")
    assert found.listen == ("127.0.0.1", 8083)
    assert (found.region, found.account, found.auth) == ("us-east-1", "000000000000", True)
    assert found.file is None


def test_buckets_are_a_folder_of_their_own_if_one_is_named(tmp_path: Path) -> None:
    assert Config.load(NONE, environ(tmp_path)).buckets is None
    assert Config.load(NONE, environ(tmp_path, FLOWD_BUCKETS="/srv/s3")).buckets == Path("/srv/s3")
    assert Config.load(NONE, settings(tmp_path, '[daemon]\nbuckets = "b"')).buckets == tmp_path / "b"


def test_without_a_runtime_directory_the_socket_lies_beside_the_data() -> None:
    assert Config.load(NONE, {"HOME": "/home/ada"}).socket == Path("/home/ada/.local/state/flowd/flowd.sock")


def test_systemd_s_directories_come_before_xdg_s(tmp_path: Path) -> None:
    given = {"STATE_DIRECTORY": "/var/lib/flowd:/other", "RUNTIME_DIRECTORY": "/run/flowd"}
    found = Config.load(NONE, environ(tmp_path, XDG_STATE_HOME="/x", CONFIGURATION_DIRECTORY="/etc/flowd", **given))
    assert (found.data, found.socket) == (Path("/var/lib/flowd"), Path("/run/flowd/flowd.sock"))
    assert found.workflows == Path("/etc/flowd/workflows")


def test_arguments_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    given = settings(tmp_path, '[daemon]\ndata = "d"\nlisten = "127.0.0.1:1"\nsocket = "/file"\n')
    given |= {"FLOWD_LISTEN": "127.0.0.1:2", "FLOWD_SOCKET": "/env"}
    found = Config.load(Namespace(socket="/arg", listen=None, no_auth=False), given)
    assert found.socket == Path("/arg")
    assert found.listen == ("127.0.0.1", 2)
    assert found.data == tmp_path / "d"  # relative to the file, not to where the daemon happens to be started


def test_the_file_has_hooks_limits_and_substitutions(tmp_path: Path) -> None:
    text = """
    [daemon]
    region = "eu-central-1"
    account = "123456789012"
    retention_days = "forever"
    [hooks]
    on = ["prompt"]
    command = ["/usr/bin/notify", "--now"]
    webhook = "https://example.org/hook"
    [states]
    map_objects = true
    [limits]
    redrive_days = 30
    [substitutions]
    Table = "orders"
    Limit = 3
    [parameters.shop]
    Stage = "prod"
    Most = 3
    "Secret.Id" = "x"
    """
    found = Config.load(NONE, settings(tmp_path, text))
    assert found.hooks == HookSettings(("prompt",), ("/usr/bin/notify", "--now"), "https://example.org/hook")
    assert (found.region, found.account, found.retention_days) == ("eu-central-1", "123456789012", FOREVER)
    assert (found.limits.redrive_days, found.limits.execution_days) == (30, 365)
    assert found.map_objects
    assert found.substitutions == {"Table": "orders", "Limit": "3"}
    assert found.parameters == {"shop": {"Stage": "prod", "Most": "3", "Secret.Id": "x"}}


def test_hooks_without_on_fire_on_everything(tmp_path: Path) -> None:
    assert Config.load(NONE, settings(tmp_path, '[hooks]\ncommand = ["x"]')).hooks.on == EVENTS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[deamon]", "[deamon] is no section"),
        ("[daemon]\nregoin = 1", "[daemon] has no setting regoin"),
        ("daemon = 1", "must be a section"),
        ("[daemon", "flowd.toml"),
        ("[daemon]\naccount = '12'", "not 12 digits"),
        ("[daemon]\ndata = 3", "[daemon] data must be text"),
        ("[daemon]\nauth = 'no'", "true or false"),
        ("[daemon]\nretention_days = 0", "above 0"),
        ("[daemon]\nlisten = 'here'", "not HOST:PORT"),
        ("[daemon]\nlisten = '127.0.0.1:99999'", "not HOST:PORT"),
        ("[daemon]\nlisten = '0.0.0.0:1'\nauth = false", "only loopback"),
        ("[hooks]\non = ['birth']", "not 'birth'"),
        ("[hooks]\non = ['close']", "together with command or webhook"),
        ("[hooks]\ncommand = 'x'", "a list of texts"),
        ("[hooks]\nwebhook = 'ftp://x'", "a URL"),
        ("[limits]\nevents = true", "above 0"),
        ("[states]\nmap_objects = 1", "true or false"),
        ("[substitutions]\nx = []", "text or a number"),
        ("[parameters]\nStage = 'prod'", "[parameters] Stage must be in a section of its own: [parameters.NAME]"),
        ("[parameters.shop]\nx = []", "[parameters.shop] x must be text or a number"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        Config.load(NONE, settings(tmp_path, text))
    assert words in str(error.value)


def test_a_named_file_must_exist_the_usual_one_need_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        Config.load(NONE, environ(tmp_path, FLOWD_CONFIG="/no/such"))


@pytest.mark.parametrize(
    ("host", "fine"), [("127.0.0.1", True), ("localhost", True), ("[::1]", True), ("0.0.0.0", False)]
)
def test_no_auth_listens_on_loopback_only(tmp_path: Path, host: str, fine: bool) -> None:
    args = Namespace(listen=f"{host}:1", no_auth=True)
    if fine:
        assert Config.load(args, environ(tmp_path)).auth is False
    else:
        with pytest.raises(ConfigError, match="only loopback"):
            Config.load(args, environ(tmp_path))


def test_off_means_no_tcp(tmp_path: Path) -> None:
    assert Config.load(NONE, environ(tmp_path, FLOWD_LISTEN="off")).listen is None


def test_a_socket_path_that_the_kernel_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="longer than 107 bytes"):
        Config.load(NONE, environ(tmp_path, FLOWD_SOCKET="/" + "x" * 107))


def test_a_daemon_is_for_real_work_unless_testing_is_asked_for(tmp_path: Path) -> None:
    assert Config.load(NONE, environ(tmp_path, SFN_MOCK_CONFIG="/m.json")).testing is None
    off = settings(tmp_path, "[testing]\nenabled = false\ntime_factor = 60\n")
    assert Config.load(NONE, off).testing is None
    assert Config.load(Namespace(testing=True), environ(tmp_path)).testing == TestingSettings()


def test_testing_comes_from_arguments_the_file_and_the_variable_of_step_functions_local(tmp_path: Path) -> None:
    given = settings(tmp_path, '[testing]\ntime_factor = 60\nmocks = "mocks.json"\n')
    assert Config.load(NONE, given).testing == TestingSettings(60.0, tmp_path / "mocks.json")
    assert Config.load(Namespace(time_factor="3.5"), given).testing == TestingSettings(3.5, tmp_path / "mocks.json")
    named = Config.load(Namespace(testing=True), environ(tmp_path, SFN_MOCK_CONFIG="/m.json"))
    assert named.testing == TestingSettings(1.0, Path("/m.json"))


@pytest.mark.parametrize("factor", ["0", "-1", "fast", "nan", "inf", "1e9", True])
def test_a_time_factor_that_makes_no_sense_is_refused(tmp_path: Path, factor: object) -> None:
    with pytest.raises(ConfigError, match=r"--time-factor must be a number from 1 to 100,000"):
        Config.load(Namespace(time_factor=factor), environ(tmp_path))


def test_services_are_here_off_at_aws_or_at_a_url(tmp_path: Path) -> None:
    found = Config.load(NONE, settings(tmp_path, '[services]\nglue = "aws"\nsns = "off"\n[aws]\nprofile = "p"\n'))
    assert found.cloud.remote == {"glue": "aws"}
    assert (found.cloud.profile, found.cloud.serves("sns"), found.cloud.serves("sqs")) == ("p", False, True)
    assert found.cloud.endpoints("http://here")["AWS_ENDPOINT_URL_SFN"] == "http://here"
    assert found.cloud.endpoints("http://here")["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"


def test_a_service_on_mock_is_not_passed_on_and_its_file_counts_from_the_settings(tmp_path: Path) -> None:
    text = '[services]\nglue = "mock"\nsqs = "mock"\n[mocks]\nfile = "mocks.json"\n'
    found = Config.load(NONE, settings(tmp_path, text))
    assert (found.cloud.mocked, found.cloud.remote) == (frozenset({"glue", "sqs"}), {})
    assert found.cloud.mocks == tmp_path / "mocks.json"
    assert found.cloud.serves("sqs") and found.testing is None


@pytest.mark.parametrize("line", ['glue = "mine"', "glue = 3", 'swf = "aws"'])
def test_a_service_that_is_nowhere_is_refused_with_its_place(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"flowd.toml: \[services\] (glue|swf) must be"):
        Config.load(NONE, settings(tmp_path, f"[services]\n{line}\n"))

"""What an installation may set, from the environment (``DUSTCART_...``) or a ``dustcart.toml`` beside it."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    """The whole configuration. Every connection that Dustcart ever opens is named here."""

    model_config = SettingsConfigDict(env_prefix="DUSTCART_", toml_file="dustcart.toml", extra="forbid")

    data_dir: Path = Field(default=Path("var"), description="where the embedded database and caches live")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty: SQLite in data_dir")
    host: str = Field(default="127.0.0.1", description="address the API listens on")
    port: int = Field(default=8700, ge=0, le=65535, description="port the API listens on; 0 picks a free one")
    solve_seconds: float = Field(default=5.0, gt=0, description="solving time per district and shift")
    cores: int = Field(default=0, ge=0, description="processes that solve; 0: as many as the machine has cores")
    ray_address: str | None = Field(
        default=None, description="Ray cluster that solves problem files; none: this machine"
    )
    seed: int = Field(default=1, description="seed of every random choice")
    traffic: Path | None = Field(default=None, description="TOML file: slowdowns by hour; none: assumed")

    session_hours: float = Field(default=12.0, gt=0, description="longest time somebody stays signed in")
    session_idle_minutes: float = Field(default=60.0, gt=0, description="time without a request that ends a session")
    max_body_bytes: int = Field(default=1_048_576, gt=0, description="largest request body the API reads")

    mqtt_url: str = Field(
        default="", description="broker that intake listens to, mqtt://host:1883 or mqtts://host:8883; empty: none"
    )
    mqtt_topics: dict[str, str] = Field(
        default_factory=dict, description="topic filter -> format of what comes there, e.g. chirpstack"
    )
    mqtt_user: str = Field(default="", description="name to give the broker; empty: none")
    mqtt_password: SecretStr = Field(default=SecretStr(""), description="password to give the broker")
    mqtt_ca_file: Path | None = Field(
        default=None, description="certificates that vouch for the broker; none: the machine's own"
    )
    mqtt_cert_file: Path | None = Field(default=None, description="our certificate, where the broker asks for one")
    mqtt_key_file: Path | None = Field(default=None, description="its private key; none: in the same file")
    mqtt_client_id: str = Field(
        default="dustcart-intake", min_length=1, description="names our session; every intake process needs its own"
    )
    mqtt_session_hours: float = Field(
        default=168.0, gt=0, le=24 * 365, description="how long the broker keeps messages while intake is away"
    )

    terminals_port: int | None = Field(
        default=None, ge=0, le=65535, description="port where terminals of trucks connect (JT/T 808); none: closed"
    )
    terminals_host: str = Field(default="127.0.0.1", description="address that terminals of trucks connect to")
    terminals_idle_minutes: float = Field(
        default=5.0, gt=0, description="silence after which a terminal's connection is closed"
    )
    terminals_at_most: int = Field(default=10_000, gt=0, description="terminals connected to one process at a time")

    @model_validator(mode="after")
    def _names_a_broker(self) -> Self:
        """Refuse a broker that cannot be reached as written, or nothing to listen to."""
        if not self.mqtt_url:
            return self
        url = urlsplit(self.mqtt_url)
        # Reading the port raises ValueError when it is none.
        if url.scheme not in ("mqtt", "mqtts") or not url.hostname or url.path.strip("/") or url.port == 0:
            raise ValueError(f"mqtt_url is {self.mqtt_url!r}; write it like mqtts://broker.example:8883")
        if url.username or url.password:
            raise ValueError("mqtt_url holds a name or password; give them as mqtt_user and mqtt_password")
        if not self.mqtt_topics:
            raise ValueError("mqtt_url names a broker, but mqtt_topics no topic to listen to")
        if (self.mqtt_cert_file or self.mqtt_ca_file) and url.scheme == "mqtt":
            raise ValueError("mqtt_ca_file or mqtt_cert_file is given, but mqtt_url is not encrypted; use mqtts://")
        return self

    @property
    def url(self) -> str:
        """The database URL in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'dustcart.sqlite'}"

    @property
    def cache_dir(self) -> Path:
        """Where files are kept that can be made again."""
        return self.data_dir / "cache"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, and the environment over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

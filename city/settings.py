"""What an installation may set, from the environment (``DUSTCART_...``) or a ``dustcart.toml`` beside it."""

from pathlib import Path

from pydantic import Field
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

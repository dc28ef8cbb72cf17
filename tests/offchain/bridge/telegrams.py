"""Builds P1 telegrams for tests, checksum and cipher included, apart from the code under test."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def crc16(data: bytes) -> int:
    """CRC-16 of DSMR 4 and 5: polynomial x16 + x15 + x2 + 1, reflected, from 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def with_checksum(body: bytes) -> bytes:
    """A telegram from its text up to and including the exclamation mark."""
    assert body.startswith(b"/") and body.endswith(b"!")
    return body + f"{crc16(body):04X}\r\n".encode()


def meter_time(unix: int, zone: str = "Europe/Amsterdam") -> str:
    """Local time with season flag, as a meter prints it."""
    local = datetime.fromtimestamp(unix, UTC).astimezone(ZoneInfo(zone))
    return local.strftime("%y%m%d%H%M%S") + ("S" if local.dst() else "W")


def kwh(energy_wh: int, digits: int = 6) -> str:
    return f"{energy_wh // 1000:0{digits}d}.{energy_wh % 1000:03d}*kWh"


@dataclass(frozen=True)
class P1:
    """One telegram of a Dutch DSMR 5 meter, changed by its fields."""

    unix: int | None = None
    time: str | None = None
    import_wh: tuple[int, ...] = (1_000_000, 2_000_000)
    export_wh: tuple[int, ...] = (300_000, 400_000)
    import_total_wh: int | None = None
    export_total_wh: int | None = None
    voltage: str | None = "230.1"
    equipment: str | None = "4530303434303037"
    failures: tuple[int, int] | None = (4, 2)
    header: str = "/XMX5LGBBFG1009050111"
    zone: str = "Europe/Amsterdam"
    extra: tuple[str, ...] = field(default=())

    def lines(self) -> list[str]:
        lines = [self.header, ""]
        lines.append("1-3:0.2.8(50)")
        time = self.time if self.unix is None else meter_time(self.unix, self.zone)
        if time is not None:
            lines.append(f"0-0:1.0.0({time})")
        if self.equipment is not None:
            lines.append(f"0-0:96.1.1({self.equipment})")
        if self.import_total_wh is not None:
            lines.append(f"1-0:1.8.0({kwh(self.import_total_wh)})")
        lines += [f"1-0:1.8.{n}({kwh(wh)})" for n, wh in enumerate(self.import_wh, 1)]
        if self.export_total_wh is not None:
            lines.append(f"1-0:2.8.0({kwh(self.export_total_wh)})")
        lines += [f"1-0:2.8.{n}({kwh(wh)})" for n, wh in enumerate(self.export_wh, 1)]
        lines += ["0-0:96.14.0(0002)", "1-0:1.7.0(00.193*kW)", "1-0:2.7.0(00.000*kW)"]
        if self.failures is not None:
            lines.append(f"0-0:96.7.21({self.failures[0]:05d})")
            lines.append(f"0-0:96.7.9({self.failures[1]:05d})")
        lines.append("1-0:99.97.0(1)(0-0:96.7.19)(000104180320W)(0000237126*s)")
        if self.voltage is not None:
            lines.append(f"1-0:32.7.0({self.voltage}*V)")
        lines += ["1-0:31.7.0(001*A)", "1-0:21.7.0(00.193*kW)"]
        lines += ["0-1:24.1.0(003)", "0-1:96.1.0(4730303233353631323233)"]
        lines += self.extra
        return lines

    def text(self) -> bytes:
        return ("\r\n".join(self.lines()) + "\r\n!").encode()

    def build(self) -> bytes:
        """With checksum."""
        return with_checksum(self.text())

    def build_without_checksum(self) -> bytes:
        return self.text() + b"\r\n"


def encrypt(
    telegram: bytes,
    key: bytes,
    authentication_key: bytes,
    *,
    counter: int = 1,
    system_title: bytes = b"SAG\x01\x02\x03\x04\x05",
) -> bytes:
    """A general-global-cipher frame around a telegram (AES-128-GCM, tag cut to 12 bytes)."""
    nonce = system_title + counter.to_bytes(4, "big")
    encryptor = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(b"\x30" + authentication_key)
    text = encryptor.update(telegram) + encryptor.finalize()
    assert AESGCM(key).encrypt(nonce, telegram, b"\x30" + authentication_key)[:-16] == text
    payload = b"\x30" + counter.to_bytes(4, "big") + text + encryptor.tag[:12]
    return b"\xdb\x08" + system_title + b"\x82" + len(payload).to_bytes(2, "big") + payload

# title: Component with parameters that returns one value
# use when: a component takes numbers or strings and returns one value
# keywords: component, parameter, returns, return value, string, text, number, convert, format, calculate
# roles: code
# path: pipelines/components/report_line.py
"""Component that describes one reading."""

from kfp import dsl


@dsl.component(base_image="python:3.11")
def report_line(station: str, celsius: float, digits: int = 1) -> str:
    """Describes a temperature in one line.

    Args:
        station: Name of the station.
        celsius: The temperature.
        digits: Digits after the decimal point.

    Returns:
        The line, such as "north: 19.5 C".
    """
    return f"{station}: {celsius:.{digits}f} C"

"""A stand-in with the methods of a LeRobot robot, served in a process of its own."""

import sys

from robopref.robots.lerobot_server import Server


class StandIn:
    """Three servos that are at their targets at once, in degrees."""

    is_connected = True

    def __init__(self) -> None:
        self.at = {"pan.pos": 10.0, "lift.pos": -20.0, "gripper.pos": 50.0}

    def get_observation(self) -> dict[str, object]:
        return {**self.at, "camera": b"picture"}

    def send_action(self, action: dict[str, float]) -> None:
        if action["pan.pos"] > 170:
            raise ConnectionError("Failed to sync write 'Goal_Position'")
        self.at |= action


if __name__ == "__main__":
    server = Server(StandIn(), deadman=0.2)
    print(server.port, flush=True)
    server.serve()
    sys.exit(0)

"""Whether this process is to end: whoever works through many things looks here between two of them.

What has begun is finished, within its bounds; what was claimed and not begun is put back; nothing new is asked of
anybody outside.
"""

from threading import Event

asked = Event()  # set by who runs the process

"""
Presses what is in the windows of a desktop. A line of JSON comes in, and the line `done` goes out when it has been done, which is as soon as it
can be:

{"do": "press", "name": NAME, "action": ACTION}: the action of the first thing that is called so and has such an action (AT-SPI)
{"do": "write", "name": NAME, "text": TEXT}: into the first thing that is called so and can be written into
{"do": "activate", "program": NAME ON THE BUS, "action": ACTION, "parameters": [NUMBER, …]}: an action of a GTK program
"""
import json
import sys
import time

import gi

gi.require_version('Atspi', '2.0')
from gi.repository import Atspi, Gio, GLib

POLL = 0.1


def things(parent):
    """All that is in it. What goes away meanwhile is not in it any more."""
    yield parent
    try:
        children = [parent.get_child_at_index(at) for at in range(parent.get_child_count())]
    except GLib.Error:
        return
    for child in children:
        if child is not None:
            yield from things(child)


def called(name):
    Atspi.get_desktop(0).clear_cache()
    for thing in things(Atspi.get_desktop(0)):
        try:
            if thing.get_name() == name:
                yield thing
        except GLib.Error:
            continue


def write(wanted):
    for thing in called(wanted['name']):
        try:
            if thing.get_editable_text_iface() and thing.set_text_contents(wanted['text']):
                return True
        except GLib.Error:
            continue
    return False


def press(wanted):
    for thing in called(wanted['name']):
        try:
            actions = [thing.get_action_name(at) for at in range(thing.get_n_actions())]
            if wanted['action'] in actions and thing.do_action(actions.index(wanted['action'])):
                return True
        except GLib.Error:
            continue
    return False


def activate(wanted):
    program = wanted['program']
    numbers = GLib.Variant.new_tuple(*(GLib.Variant('i', number) for number in wanted['parameters']))
    parameters = GLib.Variant('(sava{sv})', (wanted['action'], [numbers], {}))
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    bus.call_sync(program, '/' + program.replace('.', '/'), 'org.gtk.Actions', 'Activate', parameters, None, 0, -1, None)
    return True


for line in sys.stdin:
    wanted = json.loads(line)
    while not {'press': press, 'write': write, 'activate': activate}[wanted['do']](wanted):
        time.sleep(POLL)
    print('done', flush=True)

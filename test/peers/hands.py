"""
Presses what is in the windows of a desktop. A line of JSON comes in, and the line `done` goes out when it has been done, which is as soon as it
can be:

{"do": "press", "name": NAME, "action": ACTION}: the action of the first thing that is called so and has such an action (AT-SPI)
{"do": "write", "label": NAME, "text": TEXT}: into the first field behind a label that says so
{"do": "choose", "name": NAME}: clicks on the first cell of a table that says so
{"do": "see", "label": NAME}: nothing but that there is a label that says so
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


def everything():
    Atspi.get_desktop(0).clear_cache()
    yield from things(Atspi.get_desktop(0))


def called(name):
    for thing in everything():
        try:
            if thing.get_name() == name:
                yield thing
        except GLib.Error:
            continue


def write(wanted):
    is_behind = False
    for thing in everything():
        try:
            if thing.get_role() == Atspi.Role.LABEL:
                is_behind = thing.get_name().strip() == wanted['label']
            elif is_behind and thing.get_editable_text_iface():
                return thing.set_text_contents(wanted['text'])
        except GLib.Error:
            continue
    return False


def see(wanted):
    for thing in everything():
        try:
            if thing.get_role() == Atspi.Role.LABEL and thing.get_name().strip() == wanted['label']:
                return True
        except GLib.Error:
            continue
    return False


def choose(wanted):
    for thing in called(wanted['name']):
        try:
            if thing.get_role() == Atspi.Role.TABLE_CELL:
                place = thing.get_extents(Atspi.CoordType.SCREEN)
                return Atspi.generate_mouse_event(place.x + place.width // 2, place.y + place.height // 2, 'b1c')
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
    while not {'press': press, 'write': write, 'choose': choose, 'see': see, 'activate': activate}[wanted['do']](wanted):
        time.sleep(POLL)
    print('done', flush=True)

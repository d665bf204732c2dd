"""An occupant of a room that does what lines of its input say, and prints a line for all that it sees.

`SCRIPT PORT TLS_PORT DOMAIN WHO ROOM NICK`; input: `say TEXT`, `to NICK TEXT`, `nick NICK`, `subject TEXT`, `member JID`, `leave`.
"""
import asyncio
import os
import sys

from person import Person

WHO, ROOM, NICK = sys.argv[4:7]


def tell(*words):
    print(*words, flush=True)


def describe(presence):
    muc = presence['muc']
    codes = ' '.join(str(code) for code in sorted(muc['status_codes']))
    came = 'goes' if presence['type'] == 'unavailable' else 'here'
    tell(came, presence['from'].resource, muc['affiliation'], muc['role'], presence['show'], codes)


def hear(message):
    if message['type'] == 'error':
        tell('refused', message['error']['condition'])
    elif message['body']:
        kind = 'late' if message['delay']['stamp'] else 'heard' if message['type'] == 'groupchat' else 'whispered'
        tell(kind, f"{message['from'].resource}:", message['body'])
    elif message['type'] == 'groupchat':
        tell('subject', f"{message['from'].resource}:", message['subject'])


async def main():
    person = await Person(WHO).sign_in()
    rooms = person['xep_0045']
    person.add_event_handler('groupchat_presence', describe)
    for event in ('message', 'groupchat_subject', 'message_error'):
        person.add_event_handler(event, hear)
    rooms.join_muc(ROOM, NICK, maxhistory='20')
    reader = asyncio.StreamReader()
    await asyncio.get_event_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().rstrip('\n'):
        verb, _, rest = line.partition(' ')
        if verb == 'say':
            person.send_message(ROOM, rest, mtype='groupchat')
        elif verb == 'to':
            nick, _, text = rest.partition(' ')
            person.send_message(f'{ROOM}/{nick}', text, mtype='chat')
        elif verb == 'nick':
            person.send_presence(pto=f'{ROOM}/{rest}')
        elif verb == 'subject':
            rooms.set_subject(ROOM, rest)
        elif verb == 'member':
            await rooms.set_affiliation(ROOM, jid=rest, affiliation='member')
        elif verb == 'leave':
            break
    await person.leave()


asyncio.get_event_loop().run_until_complete(main())
os._exit(0)  # slixmpp leaves tasks behind that complain at the end

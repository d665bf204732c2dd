"""XEP-0114 and XEP-0356: a component that echoes, and that reads, changes and speaks for an account."""
import asyncio
import sys

from slixmpp import ComponentXMPP

host, port, domain, secret, user, friend = sys.argv[1:7]
component = ComponentXMPP(domain, secret, host, int(port))
for plugin in ('xep_0030', 'xep_0199', 'xep_0297', 'xep_0356'):
    component.register_plugin(plugin)


def ok(what, holds=True, seen=''):
    print(f'ok {what}' if holds else f'NOT {what}: {seen}', flush=True)


async def use_privileges(_):
    privilege = component['xep_0356']
    component.server_host = user.split('@')[1]  # slixmpp takes the host that it connects to for the server's name
    ok('the server says what it may do', privilege.granted_privileges['roster'] == 'both', privilege.granted_privileges)
    await privilege.set_roster(user, {f'12345@{domain}': {'name': 'Nurse', 'groups': ['Telephone']}})
    roster = (await privilege.get_roster(user))['roster']['items']
    ok('it adds a contact to a roster, and reads it', any(str(jid) == f'12345@{domain}' for jid in roster), roster)
    message = component.make_message(mto=friend, mfrom=user, mbody='from the telephone', mtype='chat')
    # This version wraps it as it is, in the namespace of components.
    for element in message.xml.iter():
        element.tag = element.tag.replace('jabber:component:accept', 'jabber:client')
    privilege.send_privileged_message(message)
    ok('it speaks for the account')


def echo(message):
    if message['body'] == 'leave':
        ok('it is told to leave')
        component.disconnect()
    elif message['type'] in ('chat', 'normal') and message['body']:
        message.reply(f"you said: {message['body']}").send()


component.add_event_handler('session_start', lambda _: ok('its stream is open'))
component.add_event_handler('privileges_advertised', use_privileges)
component.add_event_handler('message', echo)
component.connect()
component.loop.run_until_complete(asyncio.wait_for(component.disconnected, 30))

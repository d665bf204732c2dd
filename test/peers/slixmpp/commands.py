"""XEP-0050 and XEP-0133: the nurse is an admin of the domain and manages accounts; nobody else may."""
from slixmpp.exceptions import IqError

from person import DOMAIN, Person, jid, ok, refusal, run

ADMIN = 'http://jabber.org/protocol/admin#'


async def items(person, domain):
    found = await person['xep_0050'].get_commands(domain)
    return {node for _, node, _ in found['disco_items']['items']}


async def command(person, domain, name, **fields):
    """Asks for the form, fills it in, and gives the answer to it."""
    asked = await person['xep_0050'].send_command(domain, ADMIN + name)
    form = asked['command']['form']
    ok(f'{name}: a form with its fields', set(fields) <= set(form.get_fields()), list(form.get_fields()))
    filled = person['xep_0004'].make_form(ftype='submit')
    filled.add_field(var='FORM_TYPE', ftype='hidden', value='http://jabber.org/protocol/admin')
    for var, value in fields.items():
        filled.add_field(var=var, value=value)
    return await person['xep_0050'].send_command(
        domain, ADMIN + name, action='complete', payload=filled, sessionid=asked['command']['sessionid'])


async def main():
    nurse = await Person('nurse/hall').sign_in()
    juliet = await Person('juliet/balcony').sign_in()
    for person in (nurse, juliet):
        person.register_plugin('xep_0050')
    domain = DOMAIN
    ok('an admin sees the commands', ADMIN + 'add-user' in await items(nurse, domain))
    ok('others see none', await items(juliet, domain) == set())

    done = await command(nurse, domain, 'add-user', accountjid=jid('tybalt'), password='cats', **{'password-verify': 'cats'})
    ok('a user is added', done['command']['status'] == 'completed', done)
    tybalt = await Person('tybalt/street', 'cats').sign_in()
    ok('and signs in')
    done = await command(nurse, domain, 'change-user-password', accountjid=jid('tybalt'), password='nine lives')
    await tybalt.leave()
    tybalt = await Person('tybalt/street', 'nine lives').sign_in()
    ok('the new password is accepted')
    done = await command(nurse, domain, 'get-registered-users-list')
    listed = done['command']['form'].get_values()['registereduserjids']
    ok('all are listed', jid('tybalt') in listed, listed)
    done = await command(nurse, domain, 'delete-user', accountjids=[jid('tybalt')])
    ok('a user is deleted', done['command']['status'] == 'completed', done)
    await tybalt.ended.wait()
    ok('and signed out')
    try:
        await juliet['xep_0050'].send_command(domain, ADMIN + 'add-user')
        ok('others may use none', False)
    except IqError as error:
        ok('others may use none', error.condition == 'forbidden', error)
    await nurse.leave()
    await juliet.leave()


run(main)

"""Two domains on one instance: they talk to each other as strangers do, and neither sees what is the other's."""
from person import DOMAIN, Newcomer, Person, befriend, jid, ok, refusal, run

OTHER = f'other.{DOMAIN}'


async def main():
    juliet = await Person('juliet/balcony').sign_in()
    # The same name and resource, another password: another account.
    twin = await Newcomer('juliet/balcony', 'of another house', domain=OTHER).sign_in()
    ok('the same name on two domains is two accounts', twin.boundjid.full == f'juliet@{OTHER}/balcony', twin.boundjid)
    for domain, password in ((OTHER, 'capulet'), (DOMAIN, 'of another house')):
        stranger = Person('juliet/thief', password, domain=domain)
        await stranger.be_refused()
    ok('the password of one is not that of the other')

    await befriend(juliet, twin)
    ok('subscriptions and presence between domains')
    juliet.send_message(twin.boundjid.bare, 'sister', mtype='chat')
    ok('a message between domains', (await twin.hear('sister'))['from'] == juliet.boundjid.full)
    ok('a request between domains', await refusal(juliet['xep_0199'].send_ping(twin.boundjid.full)) is None)

    await juliet.update_roster(jid('nurse'), name='only mine')
    roster = twin.make_iq_get()
    roster['roster']['ver'] = ''
    items = (await roster.send())['roster']['items']
    ok('a roster is its own', [str(j) for j in items] == [juliet.boundjid.bare], items)
    found = [e['mam_result']['forwarded']['stanza']['body'] async for e in twin['xep_0313'].iterate()]
    ok('an archive is its own', found == ['sister'], found)

    room = f'verona@conference.{DOMAIN}'
    await juliet['xep_0045'].join_muc_wait(room, 'juliet', timeout=8)
    form = await juliet['xep_0045'].get_room_config(room)
    form['type'] = 'submit'
    await juliet['xep_0045'].set_room_config(room, form)
    items = (await twin['xep_0030'].get_items(OTHER))['disco_items']['items']
    services = {f'{name}.{OTHER}' for name in ('conference', 'pubsub', 'upload')}
    ok('disco items name the own services alone', {str(item[0]) for item in items} == services, items)
    items = (await twin['xep_0030'].get_items(f'conference.{OTHER}'))['disco_items']['items']
    ok('rooms of one domain are not listed by the other', len(items) == 0, items)
    ok('a room of that name is not there', await refusal(
        twin['xep_0030'].get_info(f'verona@conference.{OTHER}')) == 'item-not-found')
    await twin['xep_0045'].join_muc_wait(room, 'twin', timeout=8)
    twin.send_message(room, 'from abroad', mtype='groupchat')
    ok('a room may be entered from the other domain', (await juliet.hear('from abroad'))['from'] == f'{room}/twin')

    ok('the archive of the other’s account is forbidden', await refusal(
        twin['xep_0313'].retrieve(jid=juliet.boundjid.bare)) in ('forbidden', 'service-unavailable', 'not-allowed'))
    removed = twin['xep_0077'].cancel_registration()
    await twin.ended.wait()
    removed.cancel()
    ok('removing one account leaves the other', await refusal(juliet['xep_0199'].send_ping(DOMAIN)) is None)
    again = await Person('juliet/again').sign_in()
    ok('… which signs in as before')
    for person in (juliet, again):
        await person.leave()


run(main)

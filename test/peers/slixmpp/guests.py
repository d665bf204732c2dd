"""Guests (RFC 4505): slixmpp signs in by ANONYMOUS, talks in a room, and leaves nothing behind."""
from person import DOMAIN, Person, ok, refusal, run

ROOM = f'hall@conference.{DOMAIN}'


async def guest(domain=DOMAIN):
    return Person('', password='', sasl_mech='ANONYMOUS', domain=domain)


async def main():
    juliet = await Person('juliet/balcony').sign_in()
    await juliet['xep_0045'].join_muc_wait(ROOM, 'Juliet', maxchars=0)
    await juliet['xep_0045'].set_room_config(ROOM, juliet['xep_0004'].make_form(ftype='submit'))
    somebody = await (await guest()).sign_in()
    ok('a guest signs in and is told its address', somebody.boundjid.user.startswith('guest-'), somebody.boundjid)
    roster = await somebody.get_roster()
    ok('its roster is empty', len(roster['roster']['items']) == 0, roster)
    await somebody['xep_0045'].join_muc_wait(ROOM, 'Guest', maxchars=0)
    somebody.send_message(ROOM, 'good evening', mtype='groupchat')
    await juliet.hear('good evening')
    ok('it enters a room and is heard')
    juliet.send_message(somebody.boundjid, 'who are you', mtype='chat')
    await somebody.hear('who are you')
    ok('it can be written to')
    refused = await refusal(somebody.update_roster(f'juliet@{DOMAIN}'))
    ok('it has no contacts', refused == 'not-allowed', refused)
    refused = await refusal(somebody['xep_0313'].retrieve())
    ok('it has no archive', refused == 'not-allowed', refused)
    gone = somebody.boundjid.full
    await somebody.leave()
    await juliet.notice(f'{ROOM}/Guest', 'unavailable')
    juliet.send_message(gone, 'are you there', mtype='chat')
    error = await juliet.next('message', lambda message: message['type'] == 'error')
    ok('when it has left, nobody is there', error['error']['condition'] == 'service-unavailable', error)
    stranger = await guest(f'other.{DOMAIN}')
    await stranger.be_refused()
    ok('another tenant, which has no guests, lets none in')


run(main)

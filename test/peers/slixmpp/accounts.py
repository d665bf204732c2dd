"""XEP-0077: an account is made within the stream, its password changed, and the account removed."""
import asyncio

from slixmpp.exceptions import IqError

from person import Newcomer, Person, jid, ok, refusal, run


async def main():
    newcomer = await Newcomer('paris/hall', 'county').sign_in()
    ok('the form asks for name and password', {'username', 'password'} <= set(newcomer.fields), newcomer.fields)
    ok('a new account is made and signs in', newcomer.condition is None and newcomer.boundjid.bare == jid('paris'))
    again = Newcomer('paris/hall', 'not the password')
    await again.be_refused()
    ok('a name that is taken: conflict', again.condition == 'conflict', again.condition)

    known = (await newcomer['xep_0077'].get_registration())['register']
    ok('who is signed in is told its name', known['username'] == 'paris' and known['registered'], known)
    await newcomer['xep_0077'].change_password('hanged, my lord')
    await newcomer.leave()
    old = Person('paris/old', 'county')
    await old.be_refused()
    ok('after a change, the old password is refused')
    newcomer = await Person('paris/hall', 'hanged, my lord').sign_in()
    ok('… and the new one accepted')

    juliet = await Person('juliet/balcony').sign_in()
    juliet.send_presence(pto=jid('paris'), ptype='subscribe')
    await newcomer.notice(jid('juliet'), 'subscribe')
    newcomer.send_presence(pto=jid('juliet'), ptype='subscribed')
    await juliet.notice(jid('paris/hall'))
    second = await Person('paris/stable', 'hanged, my lord').sign_in()
    try:
        await newcomer['xep_0077'].cancel_registration()
    except IqError as error:
        ok('removal', error.condition == 'not-authorized', error)  # some servers close at once
    await asyncio.wait_for(second.ended.wait(), 8)
    await asyncio.wait_for(newcomer.ended.wait(), 8)
    ok('a removed account’s streams are closed, all of them')
    await juliet.notice(jid('paris/hall'), 'unavailable')
    ok('its contacts see it go')
    gone = Person('paris/hall', 'hanged, my lord')
    await gone.be_refused()
    ok('it cannot sign in')
    ok('nothing answers for it', await refusal(juliet['xep_0054'].get_vcard(jid('paris'))) == 'service-unavailable')
    await juliet.leave()


run(main)

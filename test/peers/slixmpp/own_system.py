"""Somebody without a password, whose own system has signed a token: slixmpp sends it as one (PLAIN). Arguments: …, the tokens of Rosaline and Juliet."""
import sys

from person import Person, jid, ok, run

TOKEN, HERS = sys.argv[4:6]


async def main():
    rosaline = await Person('rosaline/garden', password=TOKEN).sign_in()
    ok('signs in with the token in place of a password')
    roster = await rosaline.get_roster()
    ok('… to an account that is like any other', roster['type'] == 'result', roster)
    juliet = await Person('juliet/balcony', password=HERS).sign_in()
    juliet.send_message(jid('rosaline'), 'who are you', mtype='chat')
    await rosaline.hear('who are you')
    ok('… and can be written to')
    forged = Person('rosaline/street', password=TOKEN[:-8] + 'AAAAAAAA')
    await forged.be_refused()
    ok('a forged token is refused')
    other = Person('juliet/street', password=TOKEN)
    await other.be_refused()
    ok('… and so is one of somebody else')


run(main)

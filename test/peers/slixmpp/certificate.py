"""Somebody with a certificate: slixmpp signs in by EXTERNAL. Arguments: …, files with Juliet's certificate and key, and with another CA's."""
import sys

from person import Person, ok, run

HERS, FORGED = sys.argv[4:6]


def juliet(file):
    person = Person('juliet/balcony', password='', sasl_mech='EXTERNAL')
    person.certfile = person.keyfile = file

    def context():
        made = Person.get_ssl_context(person)
        made.load_cert_chain(file, file)
        return made
    person.get_ssl_context = context
    return person


async def main():
    person = await juliet(HERS).sign_in()
    ok('signs in by EXTERNAL', person['feature_mechanisms'].mech.name == 'EXTERNAL', person['feature_mechanisms'].mech)
    ok('… as the account of the certificate', person.boundjid.bare.startswith('juliet@'), person.boundjid)
    await juliet(FORGED).be_refused()
    ok('a certificate of another CA is refused')


run(main)

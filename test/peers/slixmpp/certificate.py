"""Somebody with a certificate: slixmpp signs in by EXTERNAL. Arguments: …, files with Juliet's certificate and key, and with another CA's."""
import asyncio
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


def name_server():
    """Where slixmpp is given an address to connect to, it names no server in TLS."""
    loop = asyncio.get_event_loop()
    connect = loop.create_connection

    def named(*args, ssl=None, server_hostname=None):
        return connect(*args, ssl=ssl, server_hostname=ssl and 'localhost')
    loop.create_connection = named


async def main():
    name_server()
    for direct in (False, True):
        transport = 'direct TLS' if direct else 'STARTTLS'
        person = await juliet(HERS).sign_in(direct=direct)
        ok(f'{transport}: signs in by EXTERNAL', person['feature_mechanisms'].mech.name == 'EXTERNAL', person['feature_mechanisms'].mech)
        ok('… as the account of the certificate', person.boundjid.bare.startswith('juliet@'), person.boundjid)
        await juliet(FORGED).be_refused(direct=direct)
        ok(f'{transport}: a certificate of another CA is refused')


run(main)

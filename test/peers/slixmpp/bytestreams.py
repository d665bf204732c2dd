"""XEP-0065 with slixmpp's own plugin: the proxy of the domain is found, and a file goes through it, within a domain and to another one."""
import asyncio
import hashlib

from person import DOMAIN, WAIT, Person, jid, ok, refusal, run

FILE = b''.join(hashlib.sha256(bytes([index % 256, index // 256])).digest() for index in range(20_000))  # 640 KB
OTHER = f'other.{DOMAIN}'


def receiving(person):
    person.register_plugin('xep_0065', {'auto_accept': True})
    person.got = bytearray()
    person.streams = []
    person.done = asyncio.Event()

    def keep(data):
        person.got.extend(data)
        person.done.set()
    person.add_event_handler('socks5_data', keep)
    person.add_event_handler('socks5_stream', person.streams.append)
    return person


async def whole(person, length):
    while len(person.got) < length:
        person.done.clear()
        await asyncio.wait_for(person.done.wait(), WAIT)
    return bytes(person.got)


async def main():
    juliet = receiving(Person('juliet/balcony'))
    romeo = receiving(Person('romeo/orchard'))
    cousin = receiving(Person('juliet/elsewhere', domain=OTHER))
    for person in (juliet, romeo, cousin):
        await person.sign_in()

    found = await juliet['xep_0065'].discover_proxies()
    ok('proxy found', [str(one) for one in found] == [f'proxy.{DOMAIN}'], found)
    host, port = found[list(found)[0]]
    ok('proxy has an address', host == '127.0.0.1' and int(port) > 0, (host, port))
    ok('other domain has its own', [str(one) for one in await cousin['xep_0065'].discover_proxies()] == [f'proxy.{OTHER}'])

    stream = await juliet['xep_0065'].handshake(romeo.boundjid, timeout=WAIT)
    ok('joined', stream is not None)
    await stream.write(FILE)
    ok('file arrived', await whole(romeo, len(FILE)) == FILE)
    await romeo.streams[0].write(b'thanks')
    ok('and an answer', await whole(juliet, 6) == b'thanks')

    across = await juliet['xep_0065'].handshake(cousin.boundjid, timeout=WAIT)
    await across.write(FILE[:100_000])
    ok('to another domain', await whole(cousin, 100_000) == FILE[:100_000])
    ok('nothing of it to others', len(romeo.got) == len(FILE), len(romeo.got))

    request = cousin.Iq(sto=f'proxy.{DOMAIN}', stype='get')
    request.enable('socks')
    ok('others may not use it', await refusal(request.send()) == 'forbidden')
    unknown = juliet['xep_0065'].activate(f'proxy.{DOMAIN}', 'unknown', jid('romeo/orchard'))
    ok('nothing to activate', await refusal(unknown) == 'item-not-found')
    for person in (juliet, romeo, cousin):
        await person.leave()


run(main)

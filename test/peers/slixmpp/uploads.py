"""Files (XEP-0363): found among the domain's items, put and got as slixmpp does by itself, with its HTTP library; what is refused."""
import os
import tempfile
from functools import partial

from aiohttp import ClientSession
from person import DOMAIN, Person, jid, ok, refusal, run
from slixmpp.plugins.xep_0363.http_upload import FileTooBig


async def infos_of_domain(person, domain=None, **_):
    """COMPAT: slixmpp 1.8.3 passes coroutines to asyncio.wait, which Python 3.11 refuses; this asks the same."""
    disco = person['xep_0030']
    items = (await disco.get_items(DOMAIN))['disco_items']['items']
    return [await disco.get_info(address) for address in [DOMAIN, *(str(item[0]) for item in items)]]


async def get(url):
    async with ClientSession() as session, session.get(url) as response:
        return response.status, response.headers, await response.read()


async def main():
    juliet = await Person('juliet/balcony').sign_in()
    romeo = await Person('romeo/orchard').sign_in()
    for person in (juliet, romeo):
        person.register_plugin('xep_0363')
        person['xep_0030'].get_info_from_domain = partial(infos_of_domain, person)
    uploads = juliet['xep_0363']

    info = await uploads.find_upload_service()
    ok('the service is found', info is not None and str(info['from']) == f'upload.{DOMAIN}', info)

    content = os.urandom(700_001)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'très cool.png')
        with open(path, 'wb') as file:
            file.write(content)
        url = await uploads.upload_file(path)
    ok('a file is uploaded', url.endswith('/tr%C3%A8s%20cool.png'), url)
    ok('… and its largest size known', 0 < uploads.max_file_size < float('+inf'), uploads.max_file_size)

    juliet.send_message(jid('romeo'), url, mtype='chat')
    heard = (await romeo.hear(url))['body']
    status, headers, body = await get(heard)
    ok('who hears of it gets the same bytes', status == 200 and body == content, (status, len(body)))
    ok('… as what it is, and harmless', headers['Content-Type'] == 'image/png' and headers['X-Content-Type-Options'] == 'nosniff'
       and headers['Content-Disposition'].startswith('attachment'), headers)

    try:
        await uploads.upload_file('big.bin', size=int(uploads.max_file_size) + 1, input_file=open(os.devnull, 'rb'))
        ok('slixmpp refuses what is too large', False)
    except FileTooBig:
        ok('slixmpp refuses what is too large')
    service = uploads.upload_service
    ok('… and so does the service', await refusal(uploads.request_slot(service, 'big.bin', int(uploads.max_file_size) + 1)) == 'not-acceptable')
    ok('a size that is none is refused', await refusal(uploads.request_slot(service, 'a.bin', 'many')) == 'bad-request')
    slot = (await romeo['xep_0363'].request_slot(service, 'a.bin', 5))['http_upload_slot']
    async with ClientSession() as session:
        async with session.put(slot['put']['url'], data=b'hello!', headers={'Content-Type': 'application/octet-stream'}) as response:
            ok('another length is refused', response.status == 413, response.status)
        async with session.put(slot['put']['url'], data=b'hello', headers={'Content-Type': 'application/octet-stream'}) as response:
            ok('the right one is taken', response.status == 201, response.status)
    for person in (juliet, romeo):
        await person.leave()


run(main)

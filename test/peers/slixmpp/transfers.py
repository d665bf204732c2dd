"""What clients do among themselves passes whole: in-band bytestreams (XEP-0047) by iq and by message, offers of files (XEP-0095, XEP-0096),
and Jingle (XEP-0166) with its messages (XEP-0353)."""
import asyncio
import hashlib
import xml.etree.ElementTree as ET

from person import DOMAIN, WAIT, Person, ok, run
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

FILE = b''.join(hashlib.sha256(bytes([index])).digest() for index in range(256)) * 4  # 32 KB
OTHER = f'other.{DOMAIN}'
JINGLE = ET.fromstring("""<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' initiator='juliet@example.org/balcony' sid='851ba2'>
<content creator='initiator' name='a-file-offer' senders='initiator'><description xmlns='urn:xmpp:jingle:apps:file-transfer:5'><file>
<date>1969-07-21T02:56:15Z</date><desc>&lt;test&gt; &amp; more</desc><media-type>text/plain</media-type><name>test.txt</name><range/>
<size>6144</size><hash xmlns='urn:xmpp:hashes:2' algo='sha-1'>w0mcJylzCn+AfvuGdqkty2+KP48=</hash></file></description>
<transport xmlns='urn:xmpp:jingle:transports:s5b:1' mode='tcp' sid='vj3hs98y'><candidate cid='hft54dqy' host='192.168.4.1'
jid='romeo@montague.lit/dr4hcr0st3lup4c' port='5086' priority='8257636' type='direct'/></transport></content></jingle>""")


SI = ET.fromstring("""<si xmlns='http://jabber.org/protocol/si' id='a0' mime-type='text/plain' profile='http://jabber.org/protocol/si/profile/file-transfer'>
<file xmlns='http://jabber.org/protocol/si/profile/file-transfer' name='test.txt' size='1022'><desc>This is &lt;a&gt; test &amp; more</desc>
<range/></file><feature xmlns='http://jabber.org/protocol/feature-neg'><x xmlns='jabber:x:data' type='form'>
<field var='stream-method' type='list-single'><option><value>http://jabber.org/protocol/bytestreams</value></option>
<option><value>http://jabber.org/protocol/ibb</value></option></field></x></feature></si>""")
ACCEPTED = ET.fromstring("""<si xmlns='http://jabber.org/protocol/si'><feature xmlns='http://jabber.org/protocol/feature-neg'>
<x xmlns='jabber:x:data' type='submit'><field var='stream-method'><value>http://jabber.org/protocol/ibb</value></field></x></feature></si>""")


def shape(element):
    """What an element says, whatever prefixes and quotes it is written with."""
    return element.tag, sorted(element.attrib.items()), element.text or '', element.tail or '', [shape(child) for child in element]


async def next_of(queue):
    return await asyncio.wait_for(queue.get(), WAIT)


async def in_band(sender, receiver, by_messages):
    streams, blocks = asyncio.Queue(), bytearray()
    receiver.add_event_handler('ibb_stream_start', streams.put_nowait)
    stream = await sender['xep_0047'].open_stream(receiver.boundjid, block_size=4096, use_messages=by_messages)
    other = await next_of(streams)
    for start in range(0, len(FILE), 4096):
        await stream.send(FILE[start:start + 4096])
    while len(blocks) < len(FILE):
        blocks.extend(await next_of(other.recv_queue))
    await stream.close()
    receiver.del_event_handler('ibb_stream_start', streams.put_nowait)
    return bytes(blocks)


async def main():
    juliet, romeo = Person('juliet/balcony'), Person('romeo/orchard')
    cousin = Person('juliet/elsewhere', domain=OTHER)
    for person in (juliet, romeo, cousin):
        person.register_plugin('xep_0047', {'auto_accept': True})
        person.register_plugin('xep_0012')
        await person.sign_in()

    for name, sender, receiver in (('a domain', juliet, romeo), ('two domains', juliet, cousin), ('and back', cousin, juliet)):
        ok(f'in-band by iq: {name}', await in_band(sender, receiver, False) == FILE)
        ok(f'in-band by message: {name}', await in_band(sender, receiver, True) == FILE)

    # slixmpp 1.8 cannot read offers of files itself, and knows no Jingle.
    arrived = asyncio.Queue()
    for person in (romeo, cousin):
        def take(iq, person=person):
            if iq.xml[0].tag in (SI.tag, JINGLE.tag):
                arrived.put_nowait(iq.xml[0])
                answer = person.make_iq_result(iq['id'], iq['from'])
                if iq.xml[0].tag == SI.tag:
                    answer.xml.append(ACCEPTED)
                answer.send()
        person.register_handler(Callback('Offers', StanzaPath('iq@type=set'), take))
    for name, receiver in (('a domain', romeo), ('two domains', cousin)):
        for what, payload in (('offer of a file', SI), ('Jingle', JINGLE)):
            iq = juliet.make_iq_set(ito=receiver.boundjid)
            iq.xml.append(payload)
            sent = asyncio.ensure_future(iq.send(timeout=WAIT))
            got = await next_of(arrived)
            ok(f'{what}: {name}', shape(got) == shape(payload), ET.tostring(got))
            answer = await sent
            ok(f'{what} is answered: {name}', what == 'Jingle' or shape(answer.xml[0]) == shape(ACCEPTED), answer)

    calls = asyncio.Queue()

    def hear(message):
        for child in message.xml:
            if child.tag == '{urn:xmpp:jingle-message:0}propose':
                calls.put_nowait(child)
    cousin.register_handler(Callback('Calls', StanzaPath('message'), hear))
    proposal = juliet.make_message(cousin.boundjid.bare, mtype='chat')
    proposed = ET.fromstring(
        "<propose xmlns='urn:xmpp:jingle-message:0' id='ca3cf894'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose>"
    )
    proposal.xml.append(proposed)
    proposal.append(ET.fromstring("<store xmlns='urn:xmpp:hints'/>"))
    proposal.send()
    heard = await next_of(calls)
    ok('a call is proposed', shape(heard) == shape(proposed), ET.tostring(heard))

    cousin.send_presence(pto=juliet.boundjid, pstatus='gone & <back>')
    await juliet.notice(cousin.boundjid.full)
    ok('presence between them', True)
    for person in (juliet, romeo, cousin):
        await person.leave()


run(main)

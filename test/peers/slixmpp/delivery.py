"""RFC 6121 §8: which resources a message reaches; XEP-0280, XEP-0203 and XEP-0160."""
import asyncio
from xml.etree.ElementTree import Element

from person import DOMAIN, Person, jid, ok, run


async def main():
    juliet = await Person('juliet/balcony').sign_in()
    orchard = await Person('romeo/orchard').sign_in()
    phone = await Person('romeo/phone').sign_in()

    async def say(to, body, kind='chat'):
        for person in (orchard, phone):
            person.seen['message'].clear()
        juliet.send_message(jid(to), body, mtype=kind)
        await juliet.settle()
        await orchard.settle()
        await phone.settle()
        return [name for name, person in (('orchard', orchard), ('phone', phone)) if body in person.bodies()]

    ok('chat to the bare JID: both resources', await say('romeo', 'to both') == ['orchard', 'phone'])
    ok('chat to a full JID: that one', await say('romeo/phone', 'to one') == ['phone'])
    ok('headline to the bare JID: both', await say('romeo', 'news', 'headline') == ['orchard', 'phone'])
    ok('normal to the bare JID: both', await say('romeo', 'letter', 'normal') == ['orchard', 'phone'])
    phone.send_presence(ppriority=-1)
    await phone.settle()
    ok('a negative priority gets nothing sent to the bare JID', await say('romeo', 'not the phone') == ['orchard'])
    ok('… also no headline', await say('romeo', 'not the phone either', 'headline') == ['orchard'])
    ok('… but what is sent to it', await say('romeo/phone', 'the phone') == ['phone'])
    ok('chat to a full JID that is gone goes as to the bare one', await say('romeo/window', 'as to bare') == ['orchard'])
    ok('a headline to a full JID that is gone is dropped', await say('romeo/window', 'dropped', 'headline') == [])
    ok('groupchat to an account', await say('romeo', 'no room', 'groupchat') == [])
    error = await juliet.next('message', lambda message: message['type'] == 'error')
    ok('… is answered service-unavailable', error['error']['condition'] == 'service-unavailable', error)
    juliet.send_message(jid('nobody'), 'is there anybody', mtype='chat')
    error = await juliet.next('message', lambda message: message['type'] == 'error')
    ok('a message to nobody', error['error']['condition'] == 'service-unavailable', error)

    phone.send_presence(ppriority=0)
    await phone['xep_0280'].enable()
    copies = asyncio.Queue()
    for event in ('carbon_received', 'carbon_sent'):
        phone.add_event_handler(event, copies.put_nowait)
    juliet.send_message(jid('romeo/orchard'), 'hear this', mtype='chat')
    copy = await asyncio.wait_for(copies.get(), 5)
    ok('a carbon of what a sibling got', copy['carbon_received']['body'] == 'hear this', copy)
    orchard.send_message(jid('juliet/balcony'), 'I take thee at thy word', mtype='chat')
    copy = await asyncio.wait_for(copies.get(), 5)
    ok('a carbon of what a sibling sent', copy['carbon_sent']['body'] == 'I take thee at thy word', copy)
    ok('carbons come from the own bare JID', copy['from'] == jid('romeo'), copy)
    private = orchard.make_message(jid('juliet/balcony'), 'for one device', mtype='chat')
    private.append(Element('{urn:xmpp:carbons:2}private'))
    private.send()
    await juliet.hear('for one device')
    await phone.settle()
    ok('none of what is private', copies.empty())
    await phone['xep_0280'].disable()
    juliet.send_message(jid('romeo/orchard'), 'no copy', mtype='chat')
    await orchard.hear('no copy')
    await phone.settle()
    ok('none after disable', copies.empty())

    await orchard.leave()
    await phone.leave()
    sent = [f'while you were away {number}' for number in range(3)]
    for body in sent:
        juliet.send_message(jid('romeo'), body, mtype='chat')
    juliet.send_message(jid('romeo'), 'lost news', mtype='headline')
    await juliet.settle()
    romeo = await Person('romeo/orchard').sign_in()
    first = await romeo.hear(sent[0])
    ok('offline: comes with its delay', first['delay']['stamp'] is not None and first['delay']['from'] == DOMAIN, first)
    for body in sent[1:]:
        await romeo.hear(body)
    await romeo.settle()
    ok('offline: each once, in order, no headline', romeo.bodies() == [], romeo.bodies())
    await romeo.leave()
    romeo = await Person('romeo/orchard').sign_in()
    await romeo.settle()
    ok('offline: not again', romeo.bodies() == [], romeo.bodies())
    for person in (juliet, romeo):
        await person.leave()


run(main)

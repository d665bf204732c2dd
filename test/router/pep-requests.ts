/** XEP-0060 requests of an account, as XML. */
const pubsubNs = 'http://jabber.org/protocol/pubsub';

export function pubsub(content: string): string {
  return `<pubsub xmlns='${pubsubNs}'>${content}</pubsub>`;
}

/** With the namespace of owners. */
export function own(type: 'get' | 'set', content: string): string {
  return `<iq type='${type}' id='o'><pubsub xmlns='${pubsubNs}#owner'>${content}</pubsub></iq>`;
}

/** A submitted form; names without `pubsub#`. */
export function config(fields: Record<string, string>, formType = 'node_config'): string {
  const all = Object.entries(fields).map(([name, value]) => {
    return `<field var='pubsub#${name}'><value>${value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</value></field>`;
  });
  const type = `<field var='FORM_TYPE' type='hidden'><value>${pubsubNs}#${formType}</value></field>`;
  return `<x xmlns='jabber:x:data' type='submit'>${type}${all.join('')}</x>`;
}

/** @param options a form */
export function publish(node: string, id: string | undefined, payload: string, options = ''): string {
  const item = `<item${id === undefined ? '' : ` id='${id}'`}>${payload}</item>`;
  const conditions = options === '' ? '' : `<publish-options>${options}</publish-options>`;
  return `<iq type='set' id='p'>${pubsub(`<publish node='${node}'>${item}</publish>${conditions}`)}</iq>`;
}

export function items(node: string, content = '', attributes = '', behind = '', to?: string): string {
  const address = to === undefined ? '' : ` to='${to}'`;
  return `<iq type='get' id='i'${address}>${pubsub(`<items node='${node}'${attributes}>${content}</items>${behind}`)}</iq>`;
}

export function retract(node: string, id: string): string {
  return `<iq type='set' id='r'>${pubsub(`<retract node='${node}'><item id='${id}'/></retract>`)}</iq>`;
}

export function create(node: string, form = ''): string {
  const configuration = form === '' ? '' : `<configure>${form}</configure>`;
  return `<iq type='set' id='c'>${pubsub(`<create node='${node}'/>${configuration}`)}</iq>`;
}

export function configure(node: string, form: string): string {
  return own('set', `<configure node='${node}'>${form}</configure>`);
}

export function purge(node: string): string {
  return own('set', `<purge node='${node}'/>`);
}

export function remove(node: string): string {
  return own('set', `<delete node='${node}'/>`);
}

/** The ids of the items in an answer. */
export function itemIds(answer: string): string[] {
  return [...answer.matchAll(/<item id='([^']*)'/g)].map(([, id]) => id!);
}

/**
 * A pool of scanner machines. A stream needs one only while it reads an element, and making one costs as much as a short stanza.
 */
import { xmppLimits } from './limits.ts';
import type { ElementBounds, Scope } from './xml-element.ts';
import { XmlMachine } from './xml-machine.ts';

const spare: XmlMachine[] = [];

/** Takes a machine, ready for the start of an element: see {@link XmlMachine.start}. */
export function borrowMachine(bounds: ElementBounds, scope: Scope): XmlMachine {
  const machine = spare.pop() ?? new XmlMachine(bounds, scope);
  machine.bounds = bounds;
  machine.scope = scope;
  machine.start();
  return machine;
}

/** Takes a machine back after `finish`. One that refused something, or whose stream is gone, need not be returned. */
export function returnMachine(machine: XmlMachine): void {
  if (spare.length < xmppLimits.spareMachinesMax) spare.push(machine);
}

/** The options for components, and the ports and arguments that follow from them. */
import { bindOption, closablePortOption, type Values } from '../core/arguments.ts';

export const componentOptions = {
  componentPort: closablePortOption('port for components, such as gateways, without TLS; 0 for none; the default is 5347'),
  componentBind: bindOption('address on which components are accepted; they have no TLS', '127.0.0.1'),
};

export type ComponentValues = Values<typeof componentOptions>;

/** @returns undefined when there are no components */
export function componentPortOf({ componentPort = 5347 }: Pick<ComponentValues, 'componentPort'>): number | undefined {
  return componentPort === 0 ? undefined : componentPort;
}

/** What a connection node listens on for components. */
export function componentListen(values: ComponentValues): { readonly componentPort?: number; readonly componentBind?: string } {
  const componentPort = componentPortOf(values);
  return componentPort === undefined ? {} : { componentPort, componentBind: values.componentBind };
}

/** The arguments that tell `skylark serve` about components. Empty without them. @param port of this process */
export function componentArguments(values: ComponentValues, port = componentPortOf(values)): readonly string[] {
  if (port === undefined) return [];
  return ['--components', '--component-port', `${port}`, '--component-bind', values.componentBind];
}

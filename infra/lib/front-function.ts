/**
 * What the CDN does with each request for the console and the API: it says who asks, and for which host, in place of whatever the client has
 * said. This is the text of a function of CloudFront, which has a JavaScript of its own.
 */
import { frontHeaders } from '../../lib/runtime/front-headers.ts';

export const frontFunction = `function handler(event) {
  var request = event.request;
  delete request.headers['${frontHeaders.key}'];
  request.headers['${frontHeaders.viewer}'] = { value: event.viewer.ip };
  request.headers['${frontHeaders.host}'] = { value: request.headers.host.value };
  return request;
}
`;

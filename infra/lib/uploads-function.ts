/**
 * What the CDN does with each upload: it asks S3 to take a key once. Browsers are told that they may upload from anywhere, as the bucket itself
 * would tell them. This is the text of a function of CloudFront, which has a JavaScript of its own.
 */
export const uploadsFunction = `function handler(event) {
  var request = event.request;
  if (request.method === 'OPTIONS') {
    return {
      statusCode: 204,
      statusDescription: 'No Content',
      headers: {
        'access-control-allow-origin': { value: '*' },
        'access-control-allow-methods': { value: 'PUT' },
        'access-control-allow-headers': { value: 'content-type' },
        'access-control-max-age': { value: '3600' },
      },
    };
  }
  if (request.method !== 'PUT') {
    return { statusCode: 405, statusDescription: 'Method Not Allowed', headers: { allow: { value: 'PUT, OPTIONS' } } };
  }
  request.headers['if-none-match'] = { value: '*' };
  return request;
}
`;

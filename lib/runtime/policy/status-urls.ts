/** Where clients learn what is wrong when they cannot reach the service (XEP-0455): files at another place than the service itself. */
import { urlsKey } from './web-url.ts';

export const statusUrls = urlsKey('files that say whether the service has an outage, such as https://status.example.net/x.json');

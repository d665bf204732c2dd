/** The reference page of the API. Its scripts are served from here, because the content security policy allows no others. */
import type { Env, Hono } from 'hono';
import { serveFolder } from '../../lib/runtime/serve-folder.ts';

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Skylark: REST API</title>
<link rel="icon" href="/api/reference/favicon-32x32.png">
<link rel="stylesheet" href="/api/reference/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/api/reference/swagger-ui-bundle.js"></script>
<script src="/api/reference.js"></script>
</body>
</html>
`;
const script = `SwaggerUIBundle({ url: '/api/openapi.json', dom_id: '#reference', deepLinking: true, validatorUrl: null });\n`;

/** @param folder with the built files of swagger-ui-dist */
export function serveReference<Of extends Env>(app: Hono<Of>, folder: string): void {
  app.get('/api', (c) => c.redirect('/api/', 308));
  app.get('/api/', (c) => c.html(page));
  app.get('/api/reference.js', (c) => c.body(script, 200, { 'content-type': 'text/javascript; charset=utf-8' }));
  app.get('/api/reference/*', serveFolder('/api/reference', folder));
}

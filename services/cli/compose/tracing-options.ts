/** The options of traces (tracing-part.ts). */
import { z } from 'zod';
import { type Option, type Options, urlOption } from '../core/arguments.ts';

const share: Option<number> = {
  placeholder: 'SHARE',
  text: 'with --otlp-endpoint: the share of stanzas that are traced; the same for all processes',
  allowed: 'a number above 0 up to 1, such as 0.01',
  schema: z
    .string()
    .regex(/^(0?\.\d{1,6}|1(\.0*)?|0\.\d{1,6})$/)
    .transform(Number)
    .refine((number) => number > 0),
  preset: '0.01',
};

export const tracingOptions = {
  otlpEndpoint: urlOption(
    'the collector that traces of stanzas are sent to (OpenTelemetry, OTLP over HTTP); without it there are none',
    ['http:', 'https:'],
  ),
  traceShare: share,
} satisfies Options;

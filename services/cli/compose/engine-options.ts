/** How a client of the AWS SDK finds its engine. This file loads nothing, because a service in one process needs no SDK for its keys and files. */

/**
 * Credentials for an engine on this machine. It requires some, and accepts any.
 * @returns undefined when the environment names credentials
 */
export function localCredentials(): { accessKeyId: string; secretAccessKey: string } | undefined {
  const isNamed = process.env.AWS_ACCESS_KEY_ID || process.env.AWS_PROFILE;
  return isNamed ? undefined : { accessKeyId: 'local', secretAccessKey: 'local' };
}

/** Options for a client of the AWS SDK. @param engine `aws`, or the URL of an engine elsewhere */
export function engineOptions(engine: string, region: string) {
  const credentials = engine === 'aws' ? undefined : localCredentials();
  return { region, ...(engine !== 'aws' && { endpoint: engine }), ...(credentials && { credentials }) };
}

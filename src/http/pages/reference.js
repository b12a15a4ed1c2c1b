// The reading view of the contract. Whatever would ask another host is turned off.
Scalar.createApiReference('#reference', {
  url: '/openapi.json',
  agent: { disabled: true },
  mcp: { disabled: true },
  telemetry: false,
  withDefaultFonts: false,
  // The samples of the document are the ones that are tested.
  hiddenClients: true,
  hideClientButton: true,
  hideTestRequestButton: true,
  showDeveloperTools: 'never',
  documentDownloadType: 'direct',
  theme: 'default',
});

// The Swagger UI of the contract.

// What its parts lack for those who do not see them.
const Named = () => ({
  wrapComponents: {
    // A link inside the button that folds an operation could be reached by no keyboard; the button changes the address as well.
    DeepLink: (Original, { React }) => (props) => React.createElement(Original, { ...props, enabled: false }),
    TextArea: (Original, { React }) => (props) => React.createElement(Original, { 'aria-label': 'Request body', ...props }),
    Input: (Original, { React }) => (props) =>
      React.createElement(Original, props.type === 'file' ? { 'aria-label': 'File to send', ...props } : props),
    Servers: (Original, { React }) => (props) => {
      const name = (frame) => frame?.querySelector('select')?.setAttribute('aria-label', 'Server');
      return React.createElement('div', { ref: name }, React.createElement(Original, props));
    },
  },
});

// It is dark where the reader's system is.
const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();

SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: 'full',
  persistAuthorization: true,
  tryItOutEnabled: true,
  // The badge would send the document's address to another host.
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [Named],
});

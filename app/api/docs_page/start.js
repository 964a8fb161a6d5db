// Shows the description that the page links to.
SwaggerUIBundle({
  url: document.querySelector('link[rel="service-desc"]').href,
  dom_id: "#api",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});

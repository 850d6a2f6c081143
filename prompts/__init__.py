"""What is said to the models: templates (Markdown, Jinja) and the KFP cookbook. Data only."""

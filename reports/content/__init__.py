"""What the report says of each subject, in bounded form, before it takes the form of a page."""
